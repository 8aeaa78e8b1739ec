"""An address in, a connection out that reaches only permitted hosts: checked names, pinned addresses, a relay."""
