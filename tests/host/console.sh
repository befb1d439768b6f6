# Script of L2: runs the lines that arrive on its console.
exec </dev/ttyS0
echo "l2 is up"
while printf 'l2# ' && read -r line; do
	eval "$line"
done
