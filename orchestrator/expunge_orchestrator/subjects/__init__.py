"""Who is meant: people from CSV, their keys over all stores, and what a controller may claim of them."""
