"""Drug-target interactions, judged as their field judges them."""
