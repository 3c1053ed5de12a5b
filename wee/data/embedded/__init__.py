"""Images that need no files: scanned digits and patches of photographs from scikit-learn, and noise."""
