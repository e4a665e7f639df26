"""The board on the table: release images, flashing, monitoring and setting it up."""
