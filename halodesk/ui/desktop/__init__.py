"""HaloDesk outside its window: sign in the tray, what is asked before it leaves."""
