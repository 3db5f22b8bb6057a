"""Rules that other rooms find: each file has its words, and says in RAISED who tells it."""
