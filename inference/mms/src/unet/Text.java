package unet;

/** What a message or the log may quote of a text that a client chose. */
final class Text {

    private static final int LONGEST = 100; // characters

    private Text() {}

    /** The text, cut where it is long, with a question mark for what cannot be printed. */
    static String shorten(String text) {
        String shown = text.length() <= LONGEST ? text : text.substring(0, LONGEST) + "\u2026";
        return shown.replaceAll("\\p{Cntrl}", "?");
    }

    /** Likewise, in quotation marks. */
    static String quote(String text) {
        return "\"" + shorten(text) + "\"";
    }
}
