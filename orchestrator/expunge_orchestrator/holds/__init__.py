"""Legal holds: place and lift them, and match people against them."""
