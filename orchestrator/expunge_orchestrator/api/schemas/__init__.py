"""Shapes of what goes over the wire. Unknown members are refused; an identifier that comes in never goes out again."""
