"""What the desktop outside our window does for us: keys, media keys, notifications, links."""
