"""What a stack costs a month, from a book of prices: each of them with its source and its date."""
