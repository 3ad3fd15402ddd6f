// The comparison reads without a script; this one adds the choice of light and dark.

fill(document.getElementById("controls"), {}, [themeButton()]);
document.getElementById("controls").hidden = false;
