# Nothing: the boot is what is looked at.
