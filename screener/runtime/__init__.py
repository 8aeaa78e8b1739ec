"""Everything that does not depend on video: threads, files, hashes, locks, signals, versions. Each module stands alone; the package imports
none of them.
"""
