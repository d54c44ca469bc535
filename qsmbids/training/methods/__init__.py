"""What each training method is: its loss, schedule and recipe."""
