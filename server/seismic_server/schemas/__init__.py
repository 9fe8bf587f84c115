"""Bodies of requests and answers, as the API describes and validates them."""
