"""What is remembered of poll triggers on AWS: `records` has the shape that every backend's has."""
