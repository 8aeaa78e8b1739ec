"""What the user named in, the inputs it stands for out: files, folders, patterns, list files, addresses, cameras, standard input."""
