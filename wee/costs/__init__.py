"""What a stage of a cascade costs."""
