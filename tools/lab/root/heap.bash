# Strings that grow, and tables of them.
for ((i = 0; i < 1500; i++)); do
    a[i % 100]="x$i$i"
    b="${a[i % 37]}$b"
    b="${b:0:300}"
done
declare -A m
for ((i = 0; i < 500; i++)); do
    m[key$i]=$i
done
echo "${#m[@]} ${#b}"
