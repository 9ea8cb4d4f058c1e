"""The Pulumi program: stores and permissions, from the file that the runner reads."""
