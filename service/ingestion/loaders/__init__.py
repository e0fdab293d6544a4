"""One loader for each kind of file that staff write; a new kind is a new file here and a line in `kinds`."""
