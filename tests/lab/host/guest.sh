# What the guest reads of itself, before the host looks and after. When it has, the leaves are gone for
# a moment: that is how the guest knows.
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
