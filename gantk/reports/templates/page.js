(function () {
  "use strict";
  var all = function (selector, within) { return Array.prototype.slice.call((within || document).querySelectorAll(selector)); };
  var on = function (node, name, action) { if (node) node.addEventListener(name, action); };

  // Theme: the button overrules the system's choice, and is remembered where storage is allowed.
  on(document.querySelector(".theme"), "click", function () {
    var root = document.documentElement;
    var now = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    try { localStorage.setItem("gantk-theme", root.dataset.theme); } catch (error) { /* not remembered, then */ }
  });

  // Copying; where the clipboard is closed (a file opened without permission) the text is selected instead.
  all(".copy").forEach(function (button) {
    on(button, "click", function () {
      var code = button.parentNode.querySelector("code");
      var say = function (text) { button.textContent = text; setTimeout(function () { button.textContent = "Copy"; }, 1600); };
      var select = function () {
        var range = document.createRange();
        range.selectNodeContents(code);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        say(document.execCommand("copy") ? "Copied" : "Selected");
      };
      if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(function () { say("Copied"); }, select);
      else select();
    });
  });

  // Tables. Numbers as numbers, text in natural order, missing values last in both directions; ties keep their order.
  var words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  all("table.sortable").forEach(function (table) {
    var body = table.tBodies[0];
    var heads = all("thead tr:last-child th", table);
    all("tr", body).forEach(function (row, index) { row.dataset.order = index; });
    heads.forEach(function (head, column) {
      on(head.querySelector("button"), "click", function () {
        var up = head.getAttribute("aria-sort") === "descending";
        heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        var numeric = head.classList.contains("numeric");
        var rows = all("tr", body).map(function (row) {
          var text = row.cells[column].dataset.sort || "";
          return { row: row, order: Number(row.dataset.order), missing: text === "", key: numeric ? Number(text) : text };
        });
        rows.sort(function (a, b) {
          if (a.missing || b.missing) return a.missing - b.missing || a.order - b.order;
          var difference = numeric ? a.key - b.key : words.compare(a.key, b.key);
          return (up ? difference : -difference) || a.order - b.order;
        });
        var order = document.createDocumentFragment();
        rows.forEach(function (item) { order.appendChild(item.row); });
        body.appendChild(order);
        table.dispatchEvent(new Event("sorted"));
      });
    });
  });

  // Lists above a table choose its lines; a cell may hold several values. Of many lines the first ones are shown.
  var FIRST = 100;
  all(".filters").forEach(function (filters) {
    var table = filters.parentNode.querySelector("table"), body = table.tBodies[0];
    var lists = all("select", filters), count = filters.querySelector(".count"), more = filters.querySelector(".more");
    var most = FIRST;
    var choose = function () {
      var wanted = lists.filter(function (list) { return list.value; });
      var found = 0, rows = body.rows;
      for (var i = 0; i < rows.length; i++) {
        var fits = wanted.every(function (list) {
          return rows[i].cells[list.dataset.column].dataset.sort.split(", ").indexOf(list.value) >= 0;
        });
        if (fits) found++;
        rows[i].hidden = !fits || found > most;
      }
      more.hidden = found <= most;
      count.textContent = Math.min(found, most) + " of " + (more.hidden ? rows.length : found);
    };
    lists.forEach(function (list) { list.value = ""; on(list, "change", choose); });
    on(more, "click", function () { most = Infinity; choose(); });
    on(table, "sorted", choose);
    choose();
  });

  // Sliders. A strip shows one of its frames; a master moves every strip of its figure.
  var setStrip = function (strip, index) {
    var input = strip.querySelector("input[type=range]");
    all(".frame", strip).forEach(function (frame, place) { frame.classList.toggle("current", place === index); });
    setSlider(input, index);
  };
  var setSlider = function (input, index) {
    var slider = input.closest(".slider");
    var text = all(".ticks i", slider)[index].dataset.text;
    input.value = index;
    input.setAttribute("aria-valuetext", text);
    slider.querySelector("output").textContent = text;
    paint(input);
  };
  var paint = function (input) {
    var last = Number(input.max) || 1;
    var at = 100 * input.value / last, from = 100 * input.dataset.origin / last;
    input.style.setProperty("--from", Math.min(at, from) + "%");
    input.style.setProperty("--to", Math.max(at, from) + "%");
  };
  var moved = function (input) {
    var index = Number(input.value);
    if (input.closest(".slider").classList.contains("master")) {
      all(".strip", input.closest("figure")).forEach(function (strip) { setStrip(strip, index); });
      setSlider(input, index);
    } else {
      setStrip(input.closest(".strip"), index);
    }
  };
  var step = function (input, amount) {
    input.value = Math.max(0, Math.min(Number(input.max), Number(input.value) + amount));
    moved(input);
  };
  all(".slider input").forEach(function (input) {
    paint(input);
    on(input, "input", function () { moved(input); });
    on(input, "keydown", function (event) {
      if (event.key !== "0") return;
      input.value = input.dataset.origin;
      moved(input);
    });
  });
  // One tab stop for the pictures of a figure and one for the headings of a table; arrow keys move inside. In a strip
  // left and right change the step (where all are shown, they go to the next one), up and down go to the next strip.
  // Saving and playing are for the mouse and for the zoomed picture, which has a button of its own.
  var stopAt = function (items, chosen) { items.forEach(function (each) { each.tabIndex = each === chosen ? 0 : -1; }); };
  var rove = function (groups, sideways) {
    groups.forEach(function (group, place) {
      group.forEach(function (item) {
        item.tabIndex = place ? -1 : 0;
        on(item, "keydown", function (event) {
          var amount = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: sideways ? -1 : 0, ArrowRight: sideways ? 1 : 0 }[event.key];
          var next = amount && groups[place + amount];
          if (!next) return;
          event.preventDefault();
          groups.forEach(function (other) { other.forEach(function (each) { each.tabIndex = other === next ? 0 : -1; }); });
          var target = next.filter(function (each) { return getComputedStyle(each).visibility !== "hidden"; })[0] || next[0];
          if (target.closest(".spreading")) stopAt(next, target);
          target.focus();
        });
      });
    });
  };
  all("figure").forEach(function (figure) {
    var strips = all(".strip", figure);
    if (strips.length) rove(strips.map(function (strip) { return all(".zoom", strip); }), false);
    else rove(all(".zoom", figure).map(function (zoom) { return [zoom]; }), true);
    rove(all("thead button, .taking button", figure).map(function (button) { return [button]; }), true);
    all(".save, .play", figure).forEach(function (button) { button.tabIndex = -1; });
    if (figure.classList.contains("many")) all(".strip input", figure).forEach(function (input) { input.tabIndex = -1; });
    if (figure.querySelector("thead button")) figure.querySelector(".scroll").removeAttribute("tabindex");
  });
  all(".strip").forEach(function (strip) {
    var input = strip.querySelector(".slider input");
    on(strip.querySelector(".frames"), "keydown", function (event) {
      var amount = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!amount) return;
      event.preventDefault();
      if (strip.closest(".spreading")) {
        var zooms = all(".zoom", strip), next = zooms[zooms.indexOf(document.activeElement) + amount];
        if (next) { stopAt(zooms, next); next.focus(); }
        return;
      }
      step(input, amount);
      var zoom = strip.querySelector(".current .zoom");
      if (zoom) zoom.focus({ preventScroll: true });
    });
  });
  all(".play").forEach(function (button) {
    var input = button.closest(".slider").querySelector("input");
    var timer = 0, way = 1;
    var show = function () { button.querySelector("use").setAttribute("href", timer ? "#i-pause" : "#i-play"); };
    var stop = function () { clearInterval(timer); timer = 0; show(); };
    on(input, "pointerdown", stop);
    on(button, "click", function () {
      if (timer) { stop(); return; }
      timer = setInterval(function () {
        if (Number(input.value) + way > Number(input.max) || Number(input.value) + way < 0) way = -way;
        step(input, way);
      }, Math.max(90, 1800 / (Number(input.max) + 1)));
      show();
    });
  });
  var settle = function (figure) {  // the tab stop of a figure whose steps are all shown, or no longer
    var spread = figure.classList.contains("spreading");
    all(".strip", figure).forEach(function (strip) {
      var zooms = all(".zoom", strip);
      if (!zooms.some(function (zoom) { return zoom.tabIndex === 0; })) return;
      zooms.forEach(function (zoom) { zoom.tabIndex = !spread || zoom.closest(".current") ? 0 : -1; });
    });
  };
  all("figure.spreading").forEach(settle);
  all("button.spread").forEach(function (button) {
    on(button, "click", function () {
      var figure = button.closest("figure"), spread = figure.classList.toggle("spreading");
      button.setAttribute("aria-pressed", String(spread));
      settle(figure);
    });
  });

  // Saving: the very bytes the page shows.
  var save = function (image) {
    var link = document.createElement("a");
    link.href = image.src;
    link.download = image.dataset.name || "image";
    document.body.appendChild(link);
    link.click();
    link.remove();
  };

  // Zoom: all pictures of the figure the clicked one is in, one at a time.
  var viewer = document.querySelector(".viewer");
  var stage = viewer.querySelector("img");
  var gallery = [], place = 0;
  var look = function (index) {
    place = (index + gallery.length) % gallery.length;
    var image = gallery[place];
    stage.src = image.src;
    stage.alt = image.alt;
    stage.dataset.name = image.dataset.name;
    var width = image.naturalWidth || image.width, height = image.naturalHeight || image.height;
    stage.style.setProperty("--ratio", width / height);
    viewer.querySelector(".viewer-text").textContent = image.alt;
    viewer.querySelector(".viewer-count").textContent = (place + 1) + " / " + gallery.length;
    var strip = image.closest(".strip");
    if (strip && !strip.closest(".spreading")) setStrip(strip, place);
  };
  all(".zoom").forEach(function (button) {
    on(button, "click", function () {
      var image = button.querySelector("img");
      gallery = all(".zoom img", button.closest("[data-gallery]"));
      viewer.classList.toggle("single", gallery.length < 2);
      viewer.showModal();
      viewer.focus();
      look(gallery.indexOf(image));
    });
  });
  on(viewer.querySelector(".previous"), "click", function () { look(place - 1); });
  on(viewer.querySelector(".next"), "click", function () { look(place + 1); });
  on(viewer.querySelector(".close"), "click", function () { viewer.close(); });
  on(viewer.querySelector(".pixels"), "click", function (event) {
    var square = viewer.classList.toggle("square");
    event.currentTarget.setAttribute("aria-pressed", String(square));
  });
  on(viewer, "click", function (event) {
    if (event.target === viewer || event.target.classList.contains("viewer-stage")) viewer.close();
  });
  on(viewer, "keydown", function (event) {
    var amount = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!amount) return;
    event.preventDefault();
    look(place + amount);
  });
  var down = null; // a finger that goes sideways turns the page
  on(stage, "touchstart", function (event) { down = event.touches.length === 1 ? event.touches[0].clientX : null; });
  on(stage, "touchend", function (event) {
    var way = down === null ? 0 : event.changedTouches[0].clientX - down;
    if (Math.abs(way) > 40) look(place + (way < 0 ? 1 : -1));
    down = null;
  });
  all(".save").forEach(function (button) {
    on(button, "click", function () {
      save(button.closest(".viewer") ? stage : button.closest(".picture").querySelector("img"));
    });
  });

  // Contents: closed on a narrow page, and the heading being read is marked.
  var contents = document.querySelector(".contents details");
  if (contents && matchMedia("(max-width: 1099px)").matches) contents.open = false;
  if (contents && "IntersectionObserver" in window) {
    var links = {};
    all(".contents a").forEach(function (link) { links[link.getAttribute("href").slice(1)] = link; });
    var seen = new IntersectionObserver(function (entries) {
      entries.forEach(function (entry) {
        if (!entry.isIntersecting) return;
        all(".contents a[aria-current]").forEach(function (link) { link.removeAttribute("aria-current"); });
        links[entry.target.id].setAttribute("aria-current", "true");
      });
    }, { rootMargin: "-15% 0px -75% 0px" });
    Object.keys(links).forEach(function (id) { var node = document.getElementById(id); if (node) seen.observe(node); });
  }
})();
