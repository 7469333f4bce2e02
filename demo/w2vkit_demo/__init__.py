"""The web page of w2vkit: a thin Gradio app over the core."""
