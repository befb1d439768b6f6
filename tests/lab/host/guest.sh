# Reads the guest's counters before and after the host does. The host signals that it is done by turning the
# leaves off for a moment.
exitstat guest --format json >/tmp/first
echo "@guest ready"
while exitstat guest >/dev/null 2>&1; do :; done
exitstat guest
echo "@guest status without leaves: $?"
until exitstat guest >/dev/null 2>&1; do :; done
exitstat guest --format json >/tmp/second
exitstat guest
for reading in first second; do
	sed "s/^/@guest $reading: /" /tmp/$reading
done
