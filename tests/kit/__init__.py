"""What several tests share: pictures, small classifiers, and commands run over them."""
