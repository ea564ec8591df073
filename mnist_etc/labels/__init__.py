"""Few labels: the database that reveals one at a question, and what chooses the questions."""
