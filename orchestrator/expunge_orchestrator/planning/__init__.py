"""A plan: what is due of whom, held against limits, and approved by its digest."""
