"""What shoppers and staff say: reviews, questions, conversations; personal data in them."""
