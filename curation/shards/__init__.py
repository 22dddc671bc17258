"""The formats of dataset versions and token sets. The package that writes a format owns it."""
