"""What knows no video: threads, files, hashes, locks, signals, versions. Each module stands alone; the package loads none of them."""
