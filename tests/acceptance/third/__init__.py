"""A backend as another package gives it: `chalk_backend` stands below this folder as it would in its wheel."""
