"""What shoppers did: events, their readers, sessions, honest splits, the interaction matrix."""
