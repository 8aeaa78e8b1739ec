"""An address in, a connection out that leads where it may: checked names, pinned addresses, a relay."""
