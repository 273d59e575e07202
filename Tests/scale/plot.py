"""Tables and plots of docs/cluster-scale.md from what `apus-simulate scale` has printed: one JSON object per line.

Usage: plot.py RESULTS.jsonl DIRECTORY. Writes SVG files by hand: three small plots need no library.
"""

import json
import sys

COLOURS = {"classic": "#b0413e", "mixed": "#c9a227", "frugal": "#2f6f8f"}
NAMES = {"classic": "classic (Redis, Valkey)", "mixed": "half and half", "frugal": "Apus"}
PLOTS = [
    ("bytes", "Bus traffic a node sends, kB/s", 1 / 1000),
    ("newcomer", "A newcomer is known by all, s", 1),
    ("failed", "A fallen machine is FAIL everywhere, s", 1),
    ("cpu_ms_per_second", "CPU per node, ms/s", 1),
]
FIELDS = ("packets", "bytes", "newcomer", "failed", "crashed", "cpu_ms_per_second", "memory")
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 420, 260, 52, 36, 34


def plot(results, field, title, scale):
    """One SVG: a line per set of rules, the number of nodes to the right, from zero upwards."""
    rows = [r for r in results if r.get(field) is not None]
    most_nodes = max(r["nodes"] for r in rows)
    most = max(r[field] * scale for r in rows) * 1.1

    def x(nodes):
        return LEFT + (WIDTH - LEFT - 16) * nodes / most_nodes

    def y(value):
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / most

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="16" font-size="13" font-weight="bold">{title}</text>',
    ]
    for step in range(5):
        value = most * step / 4
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - 16}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>')
    for nodes in sorted({r["nodes"] for r in rows}):
        out.append(f'<text x="{x(nodes):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{nodes}</text>')
    for place, rules in enumerate(COLOURS):
        points = sorted((r["nodes"], r[field] * scale) for r in rows if r["rules"] == rules)
        path = " ".join(f"{x(n):.1f},{y(v):.1f}" for n, v in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[rules]}" stroke-width="2"/>')
        out += [f'<circle cx="{x(n):.1f}" cy="{y(v):.1f}" r="3" fill="{COLOURS[rules]}"/>' for n, v in points]
        out.append(f'<text x="{LEFT + 130 * place}" y="{HEIGHT - 4}" fill="{COLOURS[rules]}">{NAMES[rules]}</text>')
    return "\n".join(out + ["</svg>\n"])


def averages(results):
    """One row for each set of rules and number of nodes: the averages over its seeds; runs of whole masses stand apart."""
    groups = {}
    for row in results:
        if not row["ceiling"] and "mass" not in row:
            groups.setdefault((row["nodes"], list(COLOURS).index(row["rules"])), []).append(row)
    for _, rows in sorted(groups.items()):
        known = {field: [row[field] for row in rows if row.get(field) is not None] for field in FIELDS}
        yield {
            "rules": rows[0]["rules"], "nodes": rows[0]["nodes"], "seeds": min(len(values) for values in known.values() if values),
            **{field: sum(values) / len(values) if values else None for field, values in known.items()},
        }


def figure(value, digits=1, scale=1):
    return "–" if value is None else f"{value * scale:.{digits}f}"


def table(results):
    """The rows of the document's table, in Markdown."""
    columns = ["nodes", "rules", "seeds", "packets/s", "kB/s", "newcomer known, s", "fallen: FAIL, s", "crashed: FAIL, s", "CPU, ms/s", "memory, MB"]
    yield "| " + " | ".join(columns) + " |"
    yield "|" + " ---: |" * len(columns)
    for r in results:
        cells = [
            r["nodes"], NAMES[r["rules"]], r["seeds"], figure(r["packets"]), figure(r["bytes"], 0, 1e-3), figure(r["newcomer"]),
            figure(r["failed"]), figure(r["crashed"]), figure(r["cpu_ms_per_second"], 2), figure(r["memory"], 2, 1e-6),
        ]
        yield "| " + " | ".join(map(str, cells)) + " |"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        results = list(averages([json.loads(line) for line in file if line.strip()]))
    for field, title, scale in PLOTS:
        with open(f"{sys.argv[2]}/{field}.svg", "w", encoding="utf-8") as file:
            file.write(plot(results, field, title, scale))
    print("\n".join(table(results)))


if __name__ == "__main__":
    main()
