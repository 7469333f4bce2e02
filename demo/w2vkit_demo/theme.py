"""The look of the page: colours of both modes, three type sizes, fonts of the system.

The contrast of every text is at least 4.5 to 1 (WCAG 2.2, AA); a test measures it.
"""

from gradio import themes
from gradio.themes.utils.colors import Color
from gradio.themes.utils.sizes import Size

SMALL, MEDIUM, LARGE = "14px", "18px", "24px"  # the sizes of the page: text, words and summaries, title
TEXT = Size(xxs=SMALL, xs=SMALL, sm=SMALL, md=SMALL, lg=SMALL, xl=MEDIUM, xxl=LARGE)
# From the lightest to the darkest.
INK = Color(
    "#f6f8f8",
    "#eef1f2",
    "#d8dfe1",
    "#bcc6ca",
    "#84929a",
    "#56646c",
    "#435058",
    "#2b363d",
    "#1b2429",
    "#12181c",
    "#0c1114",
    name="ink",
)
BLUE = Color(
    "#eaf5f7",
    "#d3eaef",
    "#a8d5de",
    "#7fc4d1",
    "#3f9cb0",
    "#1a7388",
    "#0f5c6e",
    "#0c4b5a",
    "#0a3d49",
    "#082f39",
    "#05222a",
    name="petrol",
)


# Colours of the light and of the dark mode. A star names a step of a scale above, or another entry.
COLOURS = {
    "body_background_fill": ("*neutral_50", "*neutral_900"),
    "body_text_color": ("*neutral_800", "*neutral_100"),
    "body_text_color_subdued": ("*neutral_500", "#a3b1b8"),
    "background_fill_primary": ("white", "*neutral_800"),
    "background_fill_secondary": ("*neutral_50", "*neutral_900"),
    "border_color_primary": ("*neutral_200", "#39464e"),
    "border_color_accent": ("*primary_600", "*primary_300"),
    "color_accent_soft": ("*primary_50", "*primary_900"),
    "link_text_color": ("*primary_600", "*primary_300"),
    "link_text_color_active": ("*primary_700", "*primary_200"),
    "input_background_fill": ("white", "*neutral_900"),
    "input_border_color": ("*neutral_400", "#6b7b84"),
    "checkbox_label_background_fill_hover": ("*neutral_100", "*neutral_700"),
    "button_primary_background_fill_hover": ("*primary_700", "*primary_500"),
    "button_secondary_text_color": ("*primary_600", "*primary_200"),
    "button_secondary_border_color": ("*neutral_300", "#4a5962"),
    "slider_color": ("*primary_600", "*primary_300"),
    "error_text_color": ("#a3200d", "#ff9c92"),
}
# The same in both modes.
BOTH = {
    "link_text_color_hover": "*link_text_color_active",
    "link_text_color_visited": "*link_text_color",
    "block_background_fill": "*background_fill_primary",
    "block_border_width": "1px",
    "block_border_color": "*border_color_primary",
    "block_shadow": "none",
    "block_label_background_fill": "transparent",
    "block_label_border_width": "0",
    "block_label_text_color": "*body_text_color_subdued",
    "block_title_background_fill": "transparent",
    "block_title_border_width": "0",
    "block_title_text_color": "*body_text_color",
    "block_info_text_color": "*body_text_color_subdued",
    "input_border_width": "1px",
    "input_shadow": "none",
    "input_placeholder_color": "*body_text_color_subdued",
    "checkbox_background_color_selected": "*primary_600",
    "checkbox_border_color": "*input_border_color",
    "checkbox_label_background_fill": "transparent",
    "checkbox_label_background_fill_selected": "transparent",
    "checkbox_label_border_width": "0px",
    "checkbox_label_text_color_selected": "*body_text_color",
    "button_primary_background_fill": "*primary_600",
    "button_primary_text_color": "white",
    "button_secondary_background_fill": "*background_fill_primary",
    "button_secondary_background_fill_hover": "*checkbox_label_background_fill_hover",
    "button_border_width": "1px",
}


class Instrument(themes.Base):
    """A quiet theme: ink on paper, one colour for what can be pressed, thin lines, no shadows."""

    def __init__(self) -> None:
        super().__init__(
            primary_hue=BLUE,
            secondary_hue=BLUE,
            neutral_hue=INK,
            text_size=TEXT,
            font=["system-ui", "sans-serif"],
            font_mono=["ui-monospace", "monospace"],
        )
        pairs = COLOURS | {name: (value, value) for name, value in BOTH.items()}
        self.set(
            **{name: light for name, (light, _) in pairs.items()},
            **{f"{name}_dark": dark for name, (_, dark) in pairs.items()},
            color_accent="*primary_600",
            block_radius="8px",
            block_padding="10px 12px",
            block_label_text_weight="500",
            block_title_padding="0",
            block_title_text_weight="500",
            container_radius="8px",
            layout_gap="12px",
            form_gap_width="0px",
            checkbox_label_padding="6px 8px",
            checkbox_label_shadow="none",
            button_primary_shadow="none",
            button_large_radius="8px",
            button_small_radius="8px",
            button_medium_radius="8px",
            button_large_text_weight="600",
            button_small_text_weight="500",
        )
