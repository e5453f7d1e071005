"""What we tell people: availability arithmetic for print, charts and reports."""
