"""Programs that measure accuracy, speed and memory. Each prints a table and a line of JSON; none asserts anything."""
