"""What runs behind the page: models and their queues, beam searches in processes of their own, and the limits."""
