# Boots, and that is all.
true
