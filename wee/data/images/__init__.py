"""Image files on disk."""
