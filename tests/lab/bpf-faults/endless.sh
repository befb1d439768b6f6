# Runs until the host ends it.
while :; do
	usleep 10000
done
