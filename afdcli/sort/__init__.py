"""Sort pictures into folders by their answers, and put them back."""
