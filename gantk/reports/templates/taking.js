// Takes figures and tables out of the page: tables as LaTeX, CSV and Markdown, plots as SVG and PNG. Nothing is sent.
(function () {
  "use strict";
  var all = function (query, within) { return Array.prototype.slice.call((within || document).querySelectorAll(query)); };
  var words = function (node) { return node.textContent.replace(/[ \n\r\t]+/g, " ").replace(/^ | $/g, ""); };

  var math = function (inner) { return "\\ensuremath{" + inner + "}"; };
  var tex = {
    "\\": "\\textbackslash{}", "--": "-{}-", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "\u2212": math("-"),
    "\u00b1": math("\\pm"), "\u00b0": math("^\\circ"), "\u00b7": math("\\cdot"), "\u00d7": math("\\times"), "\u2265": math("\\geq"),
    "\u2264": math("\\leq"), "\u2192": math("\\to"), "<": math("<"), ">": math(">"), "|": math("|"), "\u2013": "--",
    "\u2026": "\\ldots{}", "\u202f": "\\,"
  };
  "&%$#_{}".split("").forEach(function (sign) { tex[sign] = "\\" + sign; });
  var latex = function (text) {
    return text.replace(/--|[^A-Za-z0-9 .,;:()+]/g, function (sign) { return tex[sign] || sign; });
  };
  // Lines that a list above the table leaves out are left out here too.
  var cells = function (table, value) {
    var head = table.tHead.rows[table.tHead.rows.length - 1];
    var lines = [Array.prototype.map.call(head.cells, words)];
    all("tbody tr", table).filter(function (row) { return !row.hidden; }).forEach(function (row) {
      lines.push(Array.prototype.map.call(row.cells, value));
    });
    return lines;
  };
  var shown = function (cell) { return words(cell) || cell.dataset.sort || ""; };
  var numeric = function (table) {
    var row = table.tBodies[0].rows[0];
    return Array.prototype.map.call(row ? row.cells : [], function (cell) {
      return cell.classList.contains("numeric") || (table.classList.contains("heat") && cell.tagName === "TD");
    });
  };
  var forms = {
    LaTeX: function (table) {
      var lines = cells(table, shown).map(function (line) {
        return line.map(function (text) { return latex(text); }).join(" & ").replace(/^[\[*]/, "{}$&") + " \\\\";
      });
      var kinds = numeric(table).map(function (yes) { return yes ? "r" : "l"; }).join("");
      return ["\\begin{tabular}{" + kinds + "}", "\\hline", lines[0], "\\hline"]
        .concat(lines.slice(1), ["\\hline", "\\end{tabular}", ""]).join("\n");
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
      var rule = "| " + numeric(table).map(function (yes) { return yes ? "---:" : "---"; }).join(" | ") + " |";
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

  // The drawing that is seen, in the light colours, every style of it as an attribute.
  var looks = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-family", "font-size", "text-anchor", "paint-order"];
  var drawing = function (svg) {
    var root = document.documentElement, theme = root.dataset.theme;
    root.dataset.theme = "light";
    var twin = svg.cloneNode(true), from = all("*", svg), to = all("*", twin);
    from.forEach(function (node, place) {
      var style = getComputedStyle(node);
      looks.forEach(function (name) { to[place].setAttribute(name, style.getPropertyValue(name)); });
      to[place].removeAttribute("class");
    });
    if (theme === undefined) delete root.dataset.theme; else root.dataset.theme = theme;
    twin.removeAttribute("class");
    twin.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    return new XMLSerializer().serializeToString(twin);
  };
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
    var image = new Image(), box = svg.viewBox.baseVal, scale = 3;
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
    image.src = address(drawing(svg));
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
        if (name === "SVG") save(address(drawing(svg)), stem + ".svg"); else savePng(svg, stem + ".png");
      });
      place.insertBefore(box, place === figure ? caption : null);
    });
  });
})();
