"""Request and response bodies. An identifier that comes in never goes out again."""
