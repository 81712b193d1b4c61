"""What other libraries give, in their own shapes, for programs that were written for them."""
