# Goes on until its host ends it.
while :; do
	usleep 10000
done
