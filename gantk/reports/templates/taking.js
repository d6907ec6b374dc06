// Takes figures and tables out of the page: tables as LaTeX, CSV and Markdown, plots as SVG and PNG. Nothing is sent.
(function () {
  "use strict";
  var all = function (query, within) { return Array.prototype.slice.call((within || document).querySelectorAll(query)); };
  var words = function (node) { return node.textContent.replace(/[ \n\r\t]+/g, " ").replace(/^ | $/g, ""); };

  // LaTeX as gantk/reports/latex.py writes it, from the same signs and widths.
  var rules = RULES;
  var significant = new RegExp(rules.significant, "gu"), read = new RegExp("^" + rules.read + "$", "u");
  var latex = function (text) {
    return text.replace(significant, function (sign) {
      if (sign in rules.signs) return rules.signs[sign];
      if (read.test(sign) && rules.unread.indexOf(sign) < 0) return sign;
      var code = sign.codePointAt(0);
      return code < 32 || (code > 126 && code < 160) ? " " : "{[}U+" + code.toString(16).toUpperCase().padStart(4, "0") + "]";
    });
  };
  var count = function (text) { return Array.from(text).length; };
  var row = function (cells) { return cells.join(" & ") + " \\tabularnewline"; };
  var tabulars = function (head, lines, align) {
    var widths = head.map(function (name, place) {
      var longest = lines.reduce(function (most, line) { return Math.max(most, count(line[place])); }, 0);
      if (align[place] === "l") longest = Math.min(longest, rules.broken);
      return Math.max.apply(null, [longest].concat(name.split(" ").map(count)));
    });
    var taken = function (places, letter) {
      return places.reduce(function (sum, place) { return sum + widths[place] * letter + rules.gap; }, 0);
    };
    var every = widths.map(function (_, place) { return place; });
    var size = rules.sizes.filter(function (each) { return taken(every, each[1]) <= rules.line; })[0] || rules.sizes[rules.sizes.length - 1];
    var lead = every.slice(0, Math.min(align.indexOf("l") + 1, rules.lead) || 1);
    var parts = every.slice(lead.length).reduce(function (parts, place) {
      var last = parts[parts.length - 1];
      if (last.length > lead.length && taken(last.concat([place]), size[1]) > rules.line) parts.push(last = lead.slice());
      last.push(place);
      return parts;
    }, [lead.slice()]);
    var heads = head.map(function (name, place) {
      var made = name.split(" ").reduce(function (made, word) {
        var last = made.length - 1;
        if (last >= 0 && count(made[last]) + 1 + count(word) <= widths[place]) made[last] += " " + word; else made.push(word);
        return made;
      }, []).map(latex);
      return made.length > 1 ? "\\shortstack[" + align[place] + "]{\\strut " + made.join(" \\\\ ") + "}" : made[0];
    });
    var kind = lines.length > rules.long ? "longtable" : "tabular", made = [];
    parts.forEach(function (places, number) {
      var broken = places.map(function (place) {
        return align[place] === "l" && lines.some(function (line) { return count(line[place]) > rules.broken; });
      });
      var kinds = places.map(function (place, at) { return broken[at] ? "p{" + widths[place] / 2 + "em}" : align[place]; }).join("");
      if (number) made.push("", "\\bigskip");
      made.push("\\begin{" + kind + "}{" + kinds + "}", "\\hline", row(places.map(function (place) { return heads[place]; })), "\\hline");
      if (kind === "longtable") made.push("\\endhead");
      lines.forEach(function (line) {
        made.push(row(places.map(function (place, at) { return broken[at] ? "\\raggedright " + latex(line[place]).replace(/\//g, "/\\allowbreak{}") : latex(line[place]); })));
      });
      made.push("\\hline", "\\end{" + kind + "}");
    });
    made = ["\\begingroup", "\\" + size[0], "\\setlength{\\tabcolsep}{3pt}"].concat(made, ["\\endgroup", ""]);
    return (kind === "longtable" ? ["% \\usepackage{longtable}"] : []).concat(made).join("\n");
  };
  // Lines that a list above the table leaves out are left out here too, and columns of pictures without labels.
  var lines = function (table) { return all("tbody tr", table).filter(function (row) { return !row.hidden; }); };
  var columns = function (table, lines) {  // looked for once: a long table has many cells
    var image = function (cell) { return cell.querySelector(".picture img"); };
    return all("thead tr:last-child th", table).map(function (head) { return head.cellIndex; }).filter(function (place) {
      var below = lines.map(function (row) { return row.cells[place]; });
      return !below.some(image) || below.some(function (cell) {
        return image(cell) ? image(cell).dataset.label : cell.dataset.sort;
      });
    });
  };
  var cells = function (table, value) {
    var below = lines(table), kept = columns(table, below);
    var taken = function (row, value) { return kept.map(function (place) { return value(row.cells[place]); }); };
    return [taken(table.tHead.rows[table.tHead.rows.length - 1], words)].concat(below.map(function (row) { return taken(row, value); }));
  };
  var shown = function (cell) { return words(cell) || cell.dataset.sort || ""; };
  var align = function (table) {
    var kinds = cells(table, function (cell) {
      return cell.classList.contains("numeric") || (table.classList.contains("heat") && cell.tagName === "TD") ? "r" : "l";
    });
    return kinds[1] || kinds[0].map(function () { return "l"; });  // the lists above may leave no line
  };
  var forms = {
    LaTeX: function (table) {
      var lines = cells(table, shown);
      return tabulars(lines[0], lines.slice(1), align(table));
    },
    CSV: function (table) {
      return cells(table, function (cell) { return cell.dataset.sort || ""; }).map(function (line) {
        return line.map(function (text) { return /[",\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text; }).join(",");
      }).join("\n") + "\n";
    },
    Markdown: function (table) {
      var lines = cells(table, shown).map(function (line) {
        return "| " + line.map(function (text) { return text.replace(/\\/g, "\\\\").replace(/\|/g, "\\|").replace(/</g, "&lt;"); }).join(" | ") + " |";
      });
      var rule = "| " + align(table).map(function (side) { return side === "r" ? "---:" : "---"; }).join(" | ") + " |";
      return [lines[0], rule].concat(lines.slice(1), [""]).join("\n");
    }
  };
  var copy = function (text) {
    var area = document.createElement("textarea");
    area.value = text;
    document.body.appendChild(area);
    area.select();
    var done = document.execCommand("copy");
    area.remove();
    if (done || !navigator.clipboard) return Promise.resolve(done);
    return navigator.clipboard.writeText(text).then(function () { return true; }, function () { return false; });
  };

  // The drawing that is seen with its legend above it, in the light colours, every style of it as an attribute.
  var looks = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-family", "font-size", "text-anchor", "paint-order"];
  var shape = function (name, given) {
    var made = document.createElementNS("http://www.w3.org/2000/svg", name);
    Object.keys(given).forEach(function (key) { made.setAttribute(key, given[key]); });
    return made;
  };
  var legendAbove = function (twin, items, font) {
    var box = twin.viewBox.baseVal, x = 2, y = 0;
    if (!items.length) return;
    var plot = shape("g", {}), names = shape("g", { stroke: "none", "font-family": font, "font-size": 12 });
    while (twin.firstChild) plot.appendChild(twin.firstChild);
    items.forEach(function (item) {
      var text = words(item), needs = 34 + 7.3 * count(text);
      if (x > 2 && x + needs > box.width) { x = 2; y += 18; }
      names.appendChild(shape("rect", { x: x, y: y + 3, width: 10, height: 10, fill: getComputedStyle(item.querySelector(".swatch")).backgroundColor }));
      names.appendChild(shape("text", { x: x + 16, y: y + 12, fill: getComputedStyle(item).color })).textContent = text;
      x += needs;
    });
    y += 24;
    plot.setAttribute("transform", "translate(0 " + y + ")");
    names.setAttribute("transform", "translate(" + box.x + " " + box.y + ")");
    twin.append(names, plot);
    twin.setAttribute("viewBox", [box.x, box.y, box.width, box.height + y].join(" "));
    twin.setAttribute("width", box.width);
    twin.setAttribute("height", box.height);
  };
  var drawing = function (svg) {
    var root = document.documentElement, theme = root.dataset.theme, figure = svg.closest("figure"), panel = svg.closest(".panel");
    root.dataset.theme = "light";
    var twin = svg.cloneNode(true), from = all("*", svg), to = all("*", twin);
    from.forEach(function (node, place) {
      var style = getComputedStyle(node);
      looks.forEach(function (name) { to[place].setAttribute(name, style.getPropertyValue(name)); });
      to[place].removeAttribute("class");
    });
    var items = all(".legend li", figure).filter(function (item) {
      var own = item.closest(".panel");
      return !own || own === panel;
    });
    legendAbove(twin, items, getComputedStyle(svg).fontFamily);
    if (theme === undefined) delete root.dataset.theme; else root.dataset.theme = theme;
    twin.removeAttribute("class");
    twin.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    return twin;
  };
  var written = function (svg) { return new XMLSerializer().serializeToString(svg); };
  var address = function (text) { return "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text); };
  var save = function (href, name) {
    var link = document.createElement("a");
    link.href = href;
    link.download = name;
    document.body.appendChild(link);
    link.click();
    link.remove();
  };
  var savePng = function (svg, name) {
    var image = new Image(), twin = drawing(svg), box = twin.viewBox.baseVal, scale = 3;
    image.onload = function () {
      var canvas = document.createElement("canvas");
      canvas.width = box.width * scale;
      canvas.height = box.height * scale;
      var context = canvas.getContext("2d");
      context.fillStyle = "#fff";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(image, 0, 0, canvas.width, canvas.height);
      save(canvas.toDataURL("image/png"), name);
    };
    image.src = address(written(twin));
  };

  var line = function (label, names, act) {
    var box = document.createElement("div");
    box.className = "taking";
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", label);
    var word = document.createElement("span");
    word.textContent = label + ":";
    box.appendChild(word);
    names.forEach(function (name) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.setAttribute("aria-label", label + " as " + name);
      button.addEventListener("click", function () { act(name, button); });
      box.appendChild(button);
    });
    return box;
  };
  all("figure").forEach(function (figure) {
    var table = figure.querySelector("table"), caption = figure.querySelector("figcaption");
    if (table && table.tHead) {
      if (table.querySelector(".picture") && columns(table, lines(table)).length < 2) return; // pictures alone
      figure.insertBefore(line("Copy", ["LaTeX", "CSV", "Markdown"], function (name, button) {
        copy(forms[name](table)).then(function (done) {
          button.textContent = done ? "copied" : "not copied";
          setTimeout(function () { button.textContent = name; }, 1500);
        });
      }), caption);
      return;
    }
    var panels = all(".panel", figure);
    (panels.length ? panels : [figure]).forEach(function (place) {
      var plots = all("svg.plot", place);
      if (!plots.length) return;
      var box = line("Save", ["SVG", "PNG"], function (name) {
        var svg = plots.filter(function (each) { return each.getBoundingClientRect().width; })[0];
        var stem = (svg.getAttribute("aria-label") || "plot").replace(/[^A-Za-z0-9._-]+/g, "-").toLowerCase().slice(0, 60);
        if (name === "SVG") save(address(written(drawing(svg))), stem + ".svg"); else savePng(svg, stem + ".png");
      });
      place.insertBefore(box, place === figure ? caption : null);
    });
  });
})();
