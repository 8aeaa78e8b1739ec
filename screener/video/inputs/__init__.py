"""Arguments of the user in, the inputs that they name out: files, folders, patterns, list files, addresses, cameras, standard input."""
