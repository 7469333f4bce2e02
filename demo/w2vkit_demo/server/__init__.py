"""What runs behind the page: models, their queue, beam searches in processes of their own, and the limits."""
