"""Golden cases, as JSON, and what made them."""
