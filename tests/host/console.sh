# What L2 does: carries out the lines that its console gets.
exec </dev/ttyS0
echo "l2 is up"
while printf 'l2# ' && read -r line; do
	eval "$line"
done
