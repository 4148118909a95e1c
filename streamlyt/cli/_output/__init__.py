"""Tables, scores and progress in the terminal."""
