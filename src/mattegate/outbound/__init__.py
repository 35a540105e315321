"""What goes out to other machines: notices by webhook and by mail."""
